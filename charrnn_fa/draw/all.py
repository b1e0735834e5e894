"Everything in `charrnn_fa.draw`"

from .strokes import *
