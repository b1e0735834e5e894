"Everything in `charrnn_fa.keep`"

from .store import *
from .file import *
from .runs import *
from .claim import *
from .writer import *
from .trained import *
from .state import *
from .resume import *
