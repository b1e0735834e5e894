"Everything in `charrnn_fa.share`"

from .weights import *
from .page import *
from .folder import *
from .learner import *
