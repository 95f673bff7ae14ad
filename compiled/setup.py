"""One extension module."""

from setuptools import Extension, setup

setup(ext_modules=[Extension("bookgate_fast", ["bookgate_fast.pyx"], extra_compile_args=["-O2"])])
