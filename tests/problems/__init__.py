"""Problems of optimisation and sampling with known answers, written from the mathematics, for tests and benchmarks."""
