"""What is written for whom: LLVM text, JavaScript, Python, and files for other programs."""
