"""The harness itself is killed, stopped and starved: is anything left behind?"""
