"Secrets, with the errors of Colab's own module"
from . import stub

class SecretNotFoundError(Exception): pass
class NotebookAccessError(Exception): pass
class TimeoutException(Exception): pass

def get(key):
    "The secret, or one of the errors"
    if stub('browser') is False: raise TimeoutException(f'Requesting secret {key} timed out. Secrets can only be fetched when running from the Colab UI.')
    if key in (stub('locked') or []): raise NotebookAccessError(f'Notebook does not have access to secret {key}')
    found = stub('secrets') or {}
    if key not in found: raise SecretNotFoundError(f'Secret {key} does not exist.')
    return found[key]
