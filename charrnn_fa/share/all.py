"Everything in `charrnn_fa.share`"

from .weights import *
from .page import *
