"""A module that nobody may preload."""

import threading

threading.Thread(target=threading.Event().wait, daemon=True).start()
