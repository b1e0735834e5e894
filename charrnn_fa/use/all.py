"Everything in `charrnn_fa.use`"

from .adapt import *
from .evaluation import *
from .stepper import *
from .sampling import *
from .copies import *
from .learner import *
