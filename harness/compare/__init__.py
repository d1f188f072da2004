"""Which of two is faster: how a comparison is collected, when it is enough, and its verdict. No torch."""
