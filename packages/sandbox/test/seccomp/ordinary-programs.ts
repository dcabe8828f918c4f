/**
 * Programs that use what ordinary programs use: threads, children, pipes, sockets, files, timers.
 * Each ends with the line `ok`.
 */
import { NODE_INSIDE, PYTHON } from "./run-filtered.ts";

/** One program; `needs` are files that must be there, or it cannot be run. */
export interface OrdinaryProgram {
  readonly name: string;
  readonly needs: readonly string[];
  readonly argv: readonly string[];
  readonly stdin: string;
}

const PYTHON_PROGRAM = `
import asyncio, fcntl, mmap, multiprocessing, os, resource, signal, socket, sqlite3, subprocess, threading
threads = [threading.Thread(target=os.getpid) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert subprocess.run(["sh", "-c", "cat | tr a b"], input=b"a", stdout=-1, start_new_session=True).stdout == b"b"
db = sqlite3.connect("/tmp/test.db")
db.execute("pragma journal_mode=wal")
db.execute("create table t(x)")
db.execute("insert into t values(1)")
db.commit()
with multiprocessing.get_context("fork").Pool(2) as pool: assert pool.map(abs, [-1, 2]) == [1, 2]
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
server.accept()[0].sendall(b"hi")
assert client.recv(2) == b"hi"
assert socket.if_nameindex()
async def child():
    process = await asyncio.create_subprocess_exec("echo", "x", stdout=-1)
    return await process.communicate()
assert asyncio.run(child()) == (b"x\\n", None)
os.mkfifo("/tmp/fifo")
mmap.mmap(-1, 4096).close()
os.openpty(); os.sync(); os.nice(1); os.memfd_create("m"); os.pidfd_open(os.getpid())
with open("/tmp/f", "w") as file:
    fcntl.flock(file, fcntl.LOCK_EX)
    os.fsync(file.fileno())
os.rename("/tmp/f", "/tmp/g"); os.chmod("/tmp/g", 0o700); os.chown("/tmp/g", os.getuid(), os.getgid())
signal.signal(signal.SIGALRM, lambda *_: None)
signal.setitimer(signal.ITIMER_REAL, 0.01)
signal.pause()
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
print("ok")
`;

const NODE_PROGRAM = `
import { execFileSync, spawn } from "node:child_process";
import { scryptSync } from "node:crypto";
import { once } from "node:events";
import fs from "node:fs";
import http from "node:http";
import os from "node:os";
import { Worker } from "node:worker_threads";
const worker = new Worker('import { parentPort } from "node:worker_threads"; parentPort.postMessage(42)', { eval: true });
const [answer] = await once(worker, "message");
if (answer !== 42) throw new Error("worker");
await fs.promises.writeFile("/tmp/x", "1");
fs.cpSync("/tmp/x", "/tmp/y");
fs.watch("/tmp").close();
await fs.promises.rm("/tmp/y");
if (execFileSync("echo", ["x"]).toString() !== "x\\n") throw new Error("child");
os.networkInterfaces(); os.cpus(); os.userInfo(); os.setPriority(5);
const server = http.createServer((_, reply) => reply.end("hey")).listen(0, "127.0.0.1");
await once(server, "listening");
const reply = await fetch("http://127.0.0.1:" + server.address().port);
if ((await reply.text()) !== "hey") throw new Error("http");
server.close();
server.closeAllConnections();
scryptSync("a", "b", 32);
const child = spawn(process.execPath, ["-e", "process.send(1)"], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
await once(child, "message");
console.log("ok");
process.exit(0);
`;

const SHELL_PROGRAM = `
set -e
printf 'b\\na\\n' | sort | tee t1 | uniq -c >/dev/null
cat <(echo p) >/dev/null
mkfifo f; (echo through >f &) ; read -r line <f; test "$line" = through
cp -a t1 t2; mv t2 t3; ln -s t3 l; readlink -f l >/dev/null; tar cf t.tar t1; gzip t.tar
find / -maxdepth 1 -name usr | xargs -P2 -n1 ls >/dev/null
test "$(seq 1 1000 | awk '{ s += $1 } END { print s }')" = 500500
timeout 5 true; nice true; setsid true; touch -d yesterday t1; sed -i s/a/c/ t1; md5sum t1 >/dev/null
sync; df /tmp >/dev/null; id >/dev/null; date >/dev/null; truncate -s 10 z; ulimit -n 64
trap 'true' TERM; kill -TERM $$; sleep 0.01 & wait
echo ok
`;

const C_PROGRAM = `
#include <pthread.h>
#include <stdio.h>
#include <sys/shm.h>
static void *same(void *p) { return p; }
int main(void) {
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) if (pthread_create(threads + i, 0, same, 0)) return 1;
  for (int i = 0; i < 4; i++) pthread_join(threads[i], 0);
  int id = shmget(IPC_PRIVATE, 4096, 0600);
  void *at = shmat(id, 0, 0);
  if (at == (void *)-1 || shmdt(at) || shmctl(id, IPC_RMID, 0)) return 2;
  FILE *pipe = popen("echo ok", "r");
  char line[9];
  if (!fgets(line, 8, pipe) || pclose(pipe)) return 3;
  fputs(line, stdout);
}
`;

const CXX_PROGRAM = `
#include <filesystem>
#include <future>
#include <iostream>
int main() {
  auto answer = std::async(std::launch::async, [] { return 42; });
  std::filesystem::create_directories("/tmp/d/e");
  std::filesystem::copy("/etc/passwd", "/tmp/d/e/f");
  std::filesystem::remove_all("/tmp/d");
  std::cout << (answer.get() == 42 ? "ok" : "wrong") << std::endl;
}
`;

const PERL_PROGRAM = `
use IO::Socket::INET; use Socket; use POSIX;
my $child = fork; exit 3 unless $child; waitpid $child, 0; die unless $? >> 8 == 3;
die unless \`echo bt\` eq "bt\\n";
my $server = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1") or die;
socketpair(A, B, AF_UNIX, SOCK_STREAM, 0) or die;
select undef, undef, undef, 0.01; my @me = getpwuid($<);
print "ok\\n";
`;

const JAVA_PROGRAM = `
import java.net.*; import java.nio.channels.*; import java.nio.file.*; import java.util.concurrent.*;
public class Main { public static void main(String[] args) throws Exception {
  var pool = Executors.newFixedThreadPool(4);
  if (pool.submit(() -> 42).get() != 42) throw new Error();
  pool.shutdown();
  Files.copy(Files.writeString(Path.of("/tmp/j"), "x"), Path.of("/tmp/k"));
  try (var server = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
    new Socket(InetAddress.getLoopbackAddress(), server.getLocalPort()).close();
  }
  Selector.open().close();
  FileSystems.getDefault().newWatchService().close();
  if (new ProcessBuilder("true").start().waitFor() != 0) throw new Error();
  System.gc();
  System.out.println("ok");
} }
`;

const RUBY_PROGRAM = `
require "socket"; require "timeout"
raise unless 5.times.map { |i| Thread.new { i } }.map(&:value) == [0, 1, 2, 3, 4]
raise unless \`echo bt\` == "bt\\n"
child = fork { exit 3 }; Process.wait child; raise unless $?.exitstatus == 3
server = TCPServer.new("127.0.0.1", 0); client = TCPSocket.new("127.0.0.1", server.addr[1])
server.accept.puts "hi"; raise unless client.gets == "hi\\n"
Timeout.timeout(5) { sleep 0.01 }; Socket.getifaddrs; File.mkfifo("/tmp/rf"); GC.start
puts "ok"
`;

const PHP_PROGRAM = `<?php
$process = proc_open(["echo", "x"], [1 => ["pipe", "w"]], $pipes);
if (stream_get_contents($pipes[1]) !== "x\\n" || proc_close($process) !== 0) exit(1);
$server = stream_socket_server("tcp://127.0.0.1:0");
fwrite(stream_socket_client("tcp://" . stream_socket_get_name($server, false)), "x");
file_put_contents("/tmp/p", "1"); copy("/tmp/p", "/tmp/q"); flock(fopen("/tmp/p", "r"), LOCK_EX);
usleep(10); random_bytes(4);
echo "ok\\n";
`;

const LUA_PROGRAM = `
assert(io.popen("echo x"):read("a") == "x\\n")
assert(os.execute("true"))
local file = io.open("/tmp/l", "w"); file:write("1"); file:close()
assert(os.rename("/tmp/l", "/tmp/m")); assert(os.remove("/tmp/m")); os.tmpname(); collectgarbage()
print("ok")
`;

const R_PROGRAM = `
library(parallel)
stopifnot(identical(unlist(mclapply(1:4, function(i) i^2, mc.cores = 2)), c(1, 4, 9, 16)))
stopifnot(system("echo x", intern = TRUE) == "x")
m <- matrix(rnorm(10000), 100); stopifnot(dim(m %*% m) == c(100, 100))
Sys.sleep(0.01); writeLines("a", "/tmp/a"); stopifnot(file.copy("/tmp/a", "/tmp/b"))
cat("ok\\n")
`;

/** Compiles standard input with `compiler` and runs what comes out. */
const compiled = (compiler: string) => ["sh", "-c", `${compiler} -o /tmp/main - && exec /tmp/main`];

export const ORDINARY_PROGRAMS: readonly OrdinaryProgram[] = [
  { name: "python", needs: [PYTHON], argv: [PYTHON, "-c", PYTHON_PROGRAM], stdin: "" },
  { name: "node", needs: [], argv: [NODE_INSIDE, "--input-type=module", "-"], stdin: NODE_PROGRAM },
  { name: "bash", needs: ["/bin/bash"], argv: ["/bin/bash", "-c", SHELL_PROGRAM], stdin: "" },
  { name: "gcc", needs: ["/usr/bin/gcc"], argv: compiled("gcc -pthread -x c"), stdin: C_PROGRAM },
  { name: "g++", needs: ["/usr/bin/g++"], argv: compiled("g++ -std=c++20 -x c++"), stdin: CXX_PROGRAM },
  { name: "perl", needs: ["/usr/bin/perl"], argv: ["/usr/bin/perl", "-"], stdin: PERL_PROGRAM },
  {
    name: "java",
    needs: ["/usr/bin/javac"],
    argv: ["sh", "-c", "cat >/tmp/Main.java && exec java /tmp/Main.java"],
    stdin: JAVA_PROGRAM,
  },
  { name: "ruby", needs: ["/usr/bin/ruby"], argv: ["/usr/bin/ruby", "-"], stdin: RUBY_PROGRAM },
  { name: "php", needs: ["/usr/bin/php"], argv: ["/usr/bin/php"], stdin: PHP_PROGRAM },
  { name: "lua", needs: ["/usr/bin/lua5.4"], argv: ["/usr/bin/lua5.4", "-"], stdin: LUA_PROGRAM },
  { name: "R", needs: ["/usr/bin/Rscript"], argv: ["/usr/bin/Rscript", "-"], stdin: R_PROGRAM },
];
