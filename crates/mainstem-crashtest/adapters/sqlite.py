"""SQLite as a log, for `mainstem-crashtest kill`: `sqlite.py write DIR` and `sqlite.py read DIR`."""
import os, sqlite3, sys

os.makedirs(sys.argv[2], exist_ok=True)
db = sqlite3.connect(os.path.join(sys.argv[2], "log.db"), timeout=0, isolation_level=None)
try:
    db.execute("PRAGMA locking_mode = EXCLUSIVE")
    db.execute("BEGIN EXCLUSIVE")
    db.execute("CREATE TABLE IF NOT EXISTS log (number INTEGER PRIMARY KEY AUTOINCREMENT, record TEXT)")
    db.execute("COMMIT")
except sqlite3.OperationalError as error:
    sys.exit(f"refused: {error}")
if sys.argv[1] == "read":
    for number, record in db.execute("SELECT number, record FROM log ORDER BY number"):
        print(f"{record}\t0-{number}")
else:
    for line in sys.stdin:
        records = line.rstrip("\n").split("\t")
        db.execute("BEGIN")
        first, *_ = [db.execute("INSERT INTO log (record) VALUES (?)", [it]).lastrowid for it in records]
        db.execute("COMMIT")
        print(f"{records[0].split(' ')[0]} 0-{first}", flush=True)
