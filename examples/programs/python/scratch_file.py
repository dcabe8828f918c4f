import pathlib
import sqlite3

with sqlite3.connect("scratch.db") as db:
    db.execute("create table squares (n integer primary key, square integer)")
    db.executemany("insert into squares values (?, ?)", [(n, n * n) for n in range(10)])
    print(db.execute("select sum(square) from squares where n % 2 = 1").fetchone()[0])
print(pathlib.Path("scratch.db").stat().st_size > 0)
