"Everything in `charrnn_fa.draw`"

from .strokes import *
from .show import *
from .files import *
from .features import *
from .faces import *
from .check import *
from .learner import *
