"Everything in `charrnn_fa.look`"

from .marks import *
from .render import *
from .surprise import *
