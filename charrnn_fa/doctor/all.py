"Everything in `charrnn_fa.doctor`"

from .patient import *
from .wiring import *
from .symptoms import *
from .progress import *
from .watch import *
