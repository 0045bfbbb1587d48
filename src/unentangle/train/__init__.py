"""The trainer: batches, the step, and the folder that keeps a run."""
