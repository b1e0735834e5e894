"Everything in `charrnn_fa.look`"

from .trace import *
from .marks import *
from .render import *
from .surprise import *
from .neurons import *
from .find import *
from .memory import *
from .samples import *
