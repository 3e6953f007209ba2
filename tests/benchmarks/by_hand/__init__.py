"""Programs written by hand with what a good programmer uses: NumPy (`tensors.py`), C++ (`arrays.cpp`, `loops.cpp`).

python -m tests.benchmarks.by_hand [NAME …]      graphc's functions beside the C++
"""
