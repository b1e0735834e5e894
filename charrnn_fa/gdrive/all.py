"Everything in `charrnn_fa.gdrive`"

from .signin import *
from .backed import *
from .link import *
from .folder import *
from .store import *
