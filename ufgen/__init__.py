"""ufgen: do GAN-generated images improve a classifier of a small medical image set?"""

__version__ = "0.2.0"
