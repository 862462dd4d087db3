"""From a genotype to a network: one cell, the stack, and the model in keras or tf_keras."""
