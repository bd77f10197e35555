"""Arguments that cannot be honoured: refused in one line before anything is written."""

import pytest

COMPARE = "compare --methods joint --seeds 1 --epochs 1"

LINES = {
    "unknown command": ("comapre", ["unknown command 'comapre'", "Did you mean 'compare'"]),
    "option before the command": (
        "--data keypad",
        ["unknown option '--data'", "Write a command first: compare, train, reproduce, diagnose"],
    ),
    "unknown option": (
        "compare --epoch 3",
        ["unknown argument '--epoch'", "Did you mean '--epochs'", "equimodal compare --help"],
    ),
    "argument without its option": ("compare keypad", ["unknown argument 'keypad'"]),
    "option without its value": ("compare --lr", ["--lr: expected one argument"]),
    "report of no folder": ("report", ["required: DIR"]),
    "choice without a budget": ("choose", ["required: --budget", "equimodal choose --help"]),
    "budget that is no time": (
        "choose --budget soon",
        ["A budget is a time with its unit, such as 90s, 10m or 1h30m", "found 'soon'"],
    ),
    "budget without a unit": (
        "choose --budget 5",
        ["A budget is a time with its unit, such as 90s, 10m or 1h30m", "found '5'"],
    ),
    "choice on unknown data": (
        "choose --data kepad --budget 1m",
        ["no data set 'kepad'", "Did you mean 'keypad'?"],
    ),
    "choice at a rate that is none": ("choose --budget 1m --lr -1", ["above 0", "found -1.0"]),
    "unknown data set": (
        "compare --data kepad",
        ["no data set 'kepad'", "write one of keypad", "Did you mean 'keypad'?"],
    ),
    "unknown data set to explain": ("data kepad", ["no data set 'kepad'", "keypad"]),
    "unknown method": (
        "compare --methods joint,ams",
        ["no row 'ams'", "Did you mean 'amss'"],
    ),
    "unknown method to explain": ("methods ams", ["Unknown method 'ams'", "did you mean 'amss'"]),
    "unknown modality alone": (
        "compare --methods alone:sond",
        ["no row 'alone:sond'", "alone:sound"],
    ),
    "empty method name": ("compare --methods joint,", ["--methods: found 'joint,'", "joint,amss"]),
    "method twice": (
        "compare --methods joint,joint",
        ["'joint' is asked for twice", "write it once"],
    ),
    "setting without a value": (
        f"{COMPARE} --set amss.tau",
        ["--set needs KEY=VALUE, found 'amss.tau'", "--set amss.tau=0.2"],
    ),
    "setting without an owner": (
        f"{COMPARE} --set tau=0.2",
        ["'tau' does not say whose it is", "before the dot"],
    ),
    "setting twice": (
        f"{COMPARE} --set keypad.snr=1 --set keypad.snr=2",
        ["--set gives keypad.snr twice", "write it once"],
    ),
    "unknown setting of the data": (
        f"{COMPARE} --set keypad.snir=1",
        ["keypad has no setting 'snir'", "Did you mean 'snr'?"],
    ),
    "unknown setting of a method": (
        "compare --methods joint,amss --set amss.tua=1",
        ["amss has no setting 'tua'", "Did you mean 'tau'"],
    ),
    "setting of a method that is not compared": (
        f"{COMPARE} --set dus.gamma=1",
        ["'dus.gamma' belongs to nothing in this comparison", "joint"],
    ),
    "setting of the wrong type": (
        "compare --methods joint,amss --set amss.tau=high",
        ["amss.tau must be a number", "found 'high'"],
    ),
    "setting of the data of the wrong type": (
        f"{COMPARE} --set keypad.snr=loud",
        ["snr must be a number from", "found 'loud'"],
    ),
    "list for a setting that takes a number": (
        "compare --methods joint,amss --set amss.tau=0.1,0.2",
        ["amss.tau must be a number", "found"],
    ),
    "setting out of range": (
        "compare --methods joint,amss --set amss.tau=0",
        ["tau must be a number > 0", "found 0"],
    ),
    "setting of the data out of range": (
        f"{COMPARE} --set keypad.snr=900",
        ["snr must be a number from -40 to 60", "found 900"],
    ),
    "setting that is not a number": (
        "compare --methods joint,amss --set amss.tau=NaN",
        ["tau must be a number > 0", "found nan"],
    ),
    "encoder without a name": (
        f"{COMPARE} --encoder image",
        ["--encoder needs MODALITY=NAME, found 'image'", "--encoder image=resnet18"],
    ),
    "encoder twice": (
        f"{COMPARE} --encoder image=mlp --encoder image=mlp",
        ["--encoder gives image twice", "write it once"],
    ),
    "unknown encoder": (
        f"{COMPARE} --encoder image=resnet81",
        ["encoder of image: ", "no encoder 'resnet81'", "small, resnet18", "mean 'resnet18'"],
    ),
    "encoder of an unknown modality": (
        f"{COMPARE} --encoder imag=resnet18",
        ["'imag', which is no modality", "write one of image, sound", "mean 'image'"],
    ),
    "encoder of another kind": (
        f"{COMPARE} --encoder image=transformer",
        ["'transformer' reads sequence, text", "of kind 'image'", "small, resnet18"],
    ),
    "unknown fusion": (
        f"{COMPARE} --fusion fim",
        ["no fusion 'fim'", "concat, sum, cosine, shared, film, gated, attention", "mean 'film'"],
    ),
    "unknown objective": (
        f"{COMPARE} --objective fused+unimodl",
        ["one of fused, fused+unimodal", "found 'fused+unimodl'", "Did you mean 'fused+unimodal'"],
    ),
    "unknown schedule": (
        f"{COMPARE} --schedule step:60",
        ["schedule", "'step:60'", "step:60:0.1"],
    ),
    "wrong setting of the optimizer": (
        f"{COMPARE} --optimizer adam --set adam.betas=0.9",
        ["adam.betas", "two numbers", "found 0.9"],
    ),
    "unknown optimizer": (
        f"{COMPARE} --optimizer adamax",
        ["optimizer", "'adamax'", "sgd", "adamw"],
    ),
    "unknown device": (
        f"{COMPARE} --device gpu",
        ["no device 'gpu'", "write cpu, cuda or cuda:0"],
    ),
    "device that is not there": (
        f"{COMPARE} --device cuda:99",
        ["'cuda:99' is not here", "CUDA devices"],
    ),
    "no seed": ("compare --seeds 0", ["Seeds must be how many (3) or which (0, 1, 7)", "found 0"]),
    "negative number of seeds": ("compare --seeds=-1", ["Seeds must be how many", "found -1"]),
    "negative seed": ("compare --seeds=0,-2", ["Seeds must be how many", "-2"]),
    "seeds that are no numbers": (
        "compare --seeds a,b",
        ["--seeds: found 'a'", "how many seeds (3), or which (0,1,7)"],
    ),
    "seed twice": ("compare --seeds 1,2,1", ["seed is given twice", "[1, 2, 1]"]),
    "no epoch": ("compare --epochs 0", ["epochs must be a whole number from 1", "found 0"]),
    "negative epochs": (
        "compare --epochs -4",
        ["epochs must be a whole number from 1", "found -4"],
    ),
    "half an epoch": ("compare --epochs 0.5", ["--epochs: found '0.5'", "whole number such as 20"]),
    "learning rate zero": ("compare --lr 0", ["Learning rates must be numbers above 0", "found"]),
    "negative learning rate": ("compare --lr=-0.1", ["rates must be numbers above 0", "-0.1"]),
    "learning rate that is not a number": ("compare --lr nan", ["must be numbers above 0", "nan"]),
    "infinite learning rate": ("compare --lr inf", ["must be numbers above 0", "inf"]),
    "learning rate in words": ("compare --lr fast", ["--lr: found 'fast'", "such as 0.01"]),
    "learning rate twice": ("compare --lr 0.1,0.1", ["learning rate is given twice", "[0.1, 0.1]"]),
    "batch of nothing": (
        f"{COMPARE} --batch-size 0",
        ["batch size must be a whole number", "found 0"],
    ),
    "batch of one": (f"{COMPARE} --batch-size 1", ["batch size", "found 1", "2"]),
    "batch larger than the data": (
        f"{COMPARE} --batch-size 5000",
        ["batch size", "5000", "1000 training samples"],
    ),
    "no method to train": ("train --seed 1", ["train takes --method NAME", "--from-plan FILE"]),
    "several methods to train": (
        "train --method joint,amss",
        ["no row 'joint,amss'", "joint"],
    ),
    "methods of a comparison to train": (
        "train --methods amss",
        ["unknown argument '--methods'", "Did you mean '--method'?"],
    ),
    "the ensemble to train": (
        "train --method ensemble",
        ["'ensemble' trains nothing", "`equimodal compare --methods ensemble --resume`"],
    ),
    "every modality alone to train": (
        "train --method alone:*",
        ["'alone:*' stands for several rows", "alone:image, alone:sound"],
    ),
    "negative seed to train": ("train --method joint --seed=-1", ["Seeds must be", "[-1]"]),
    "two seeds to train": (
        "train --method joint --seed 0,1",
        ["--seed: found '0,1'", "a whole number"],
    ),
    "two rates to train": (
        "train --method joint --lr 0.1,0.2",
        ["--lr: found '0.1,0.2'", "one number such as 0.01", "searches several"],
    ),
    "setting of another method to train": (
        "train --method joint --set amss.tau=1",
        ["'amss.tau' belongs to nothing"],
    ),
    "setting of nothing to train": ("train --method amss --set tau", ["--set needs KEY=VALUE"]),
    "unknown device to train on": (
        "train --method joint --device gpu",
        ["no device 'gpu'"],
    ),
    "no job": (f"{COMPARE} --jobs 0", ["jobs", "found 0"]),
    "negative jobs": (f"{COMPARE} --jobs -2", ["jobs", "found -2"]),
}


@pytest.mark.parametrize("mistake", LINES)
def test_the_line_is_refused_before_anything_is_written(mistake, refused):
    line, words = LINES[mistake]

    refused(line, *words)
