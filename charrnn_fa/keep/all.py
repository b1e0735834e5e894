"Everything in `charrnn_fa.keep`"

from .store import *
from .file import *
from .runs import *
from .claim import *
from .writer import *
from .trained import *
from .state import *
from .identity import *
from .export import *
from .signals import *
from .pickup import *
from .every import *
from .best import *
from .resume import *
