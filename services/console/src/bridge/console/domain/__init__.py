"""The console's pure rules: the arithmetic of the proof, and words for times."""
