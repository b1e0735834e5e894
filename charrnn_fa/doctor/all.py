"Everything in `charrnn_fa.doctor`"

from .finding import *
from .aside import *
from .patient import *
from .rate import *
from .data import *
from .wiring import *
from .losses import *
from .memory import *
from .symptoms import *
from .standing import *
from .progress import *
from .diagnosis import *
from .checks import *
from .watch import *
