"""Claims: statements about configurations that a run confirms or refutes."""
