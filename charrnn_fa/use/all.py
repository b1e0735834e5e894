"Everything in `charrnn_fa.use`"

from .evaluation import *
from .sampling import *
from .learner import *
