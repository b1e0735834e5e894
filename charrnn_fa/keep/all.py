"Everything in `charrnn_fa.keep`"

from .store import *
from .file import *
from .trained import *
from .runs import *
from .state import *
from .resume import *
