"""What a table asks to predict: classes, several labels a sample, or numbers."""
