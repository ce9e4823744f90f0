"""Which groups of training examples act together in what a fine-tuned language model predicts."""
