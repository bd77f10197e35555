"""What a trained model predicts where one modality is gone, noisy, or of another sample."""
