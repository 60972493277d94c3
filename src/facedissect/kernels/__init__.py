"""Loops compiled for the CPU by Numba, and for CUDA by Triton: what no array operation does without holding an upsampled map.

Each has a plain counterpart in the method's own files, to which tests compare it bit for bit.
"""
