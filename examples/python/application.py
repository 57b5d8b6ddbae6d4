"""A whole Flask application as the entry point ``application.app``; use a route with a prefix."""

from flask import Flask

app = Flask(__name__)


@app.get("/")
def index():
    return "index\n"


@app.get("/users/<name>")
def user(name):
    return {"name": name}
