"Just enough of `google.colab` to run Colab's paths off Colab; what the browser would do is in `$COLAB_STUB`"
import json, os

def stub(key):
    "What the person's side answers"
    return json.loads(os.environ.get('COLAB_STUB','{}')).get(key)
