"""ufgen: does adding GAN-made images make a classifier of a small medical image set better?"""

__version__ = "0.2.0"
