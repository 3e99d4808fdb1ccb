"""An outside solver as they are: it knows nothing of cosolve, reads TSPLIB coordinates and writes a tour file."""

import os
import signal
import subprocess
import sys
import time


def read_size(path):
    with open(path) as file:
        for line in file:
            if line.startswith("DIMENSION"):
                return int(line.split(":")[1])
    raise SystemExit("no DIMENSION")


def write_tour(path, order):
    with open(path + ".new", "w") as file:
        rows = "\n".join(str(city + 1) for city in order)
        file.write(f"TYPE : TOUR\nDIMENSION : {len(order)}\nTOUR_SECTION\n{rows}\n-1\nEOF\n")
    os.replace(path + ".new", path)


def main(instance, solution, time_limit, mode):
    order = list(range(read_size(instance)))
    worse = [0, 2, 1, *order[3:]]
    if mode == "improve":
        write_tour(solution, worse)
        time.sleep(0.4)
        write_tour(solution, order)
    elif mode == "overrun":  # stops when its time is up, then writes
        time.sleep(float(time_limit) + 0.1)
        write_tour(solution, order)
    elif mode == "endless":  # has no time limit of its own
        write_tour(solution, worse)
        time.sleep(1000)
    elif mode == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        write_tour(solution, order)
        child = subprocess.Popen(["sleep", "1000"], start_new_session=True)
        with open(os.environ["OUTSIDE_PIDS"], "w") as file:
            file.write(f"{os.getpid()} {child.pid}")
        time.sleep(1000)
    elif mode == "code":
        write_tour(solution, order)
        print("out of " + "luck")
        sys.exit(7)
    elif mode == "signal":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif mode == "real-time signal":
        os.kill(os.getpid(), 35)
    elif mode == "garbage":
        with open(solution, "w") as file:
            file.write("TOUR_SECTION\none\ntwo\n")
    elif mode == "infeasible":
        write_tour(solution, [0] * len(order))
    elif mode == "words":
        print("thinking " * 100_000)
        write_tour(solution, order)


if __name__ == "__main__":
    main(*sys.argv[1:])
