/** System calls that are allowed whatever their arguments, and why. */
export interface AllowedGroup {
  readonly why: string;
  readonly calls: readonly string[];
}

const words = (text: string): string[] => text.trim().split(/\s+/);

/** Names of both architectures; arm64 has no `open`, `fork`, `select` and other old forms. */
export const ALLOWED_GROUPS: readonly AllowedGroup[] = [
  {
    why: "read and write open files, directories and pipes",
    calls: words(`
      read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 lseek close
      close_range dup dup2 dup3 fcntl flock fsync fdatasync sync_file_range ftruncate fallocate
      fadvise64 readahead getdents getdents64 sendfile splice tee copy_file_range pipe pipe2
    `),
  },
  {
    why: "open, name, stat and change files; what they reach is the mount namespace's matter",
    calls: words(`
      open openat openat2 creat access faccessat faccessat2 stat lstat fstat newfstatat statx
      statfs fstatfs readlink readlinkat getcwd chdir fchdir mkdir mkdirat rmdir unlink unlinkat
      rename renameat renameat2 link linkat symlink symlinkat chmod fchmod fchmodat fchmodat2
      chown fchown lchown fchownat truncate umask utime utimes utimensat futimesat
      getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr setxattr lsetxattr fsetxattr
      removexattr lremovexattr fremovexattr
    `),
  },
  {
    why: "memory: allocators, collectors, code made at run time (V8, JVM), protection keys (V8)",
    calls: words(`
      brk mmap munmap mremap mprotect madvise msync mincore mlock mlock2 munlock mlockall
      munlockall membarrier memfd_create pkey_alloc pkey_free pkey_mprotect map_shadow_stack mseal
    `),
  },
  {
    why: "start and end processes and wait for them; clone is in policy-arguments.ts",
    calls: words(`
      fork vfork execve execveat exit exit_group wait4 waitid pidfd_open pidfd_send_signal
    `),
  },
  {
    why: "signals; the pid namespace holds nobody else's processes",
    calls: words(`
      kill tkill tgkill rt_sigaction rt_sigprocmask rt_sigpending rt_sigsuspend rt_sigtimedwait
      rt_sigqueueinfo rt_tgsigqueueinfo rt_sigreturn sigaltstack signalfd signalfd4 pause
      restart_syscall
    `),
  },
  {
    why: "threads and locks",
    calls: words(`
      futex futex_waitv get_robust_list set_robust_list set_tid_address rseq gettid arch_prctl
    `),
  },
  {
    why: "time and timers, to read and to wait for",
    calls: words(`
      time gettimeofday clock_gettime clock_getres clock_nanosleep nanosleep alarm getitimer
      setitimer timer_create timer_settime timer_gettime timer_getoverrun timer_delete
      timerfd_create timerfd_settime timerfd_gettime times
    `),
  },
  {
    why: "wait for events (libuv, Go, Java NIO); inotify for file watchers; POSIX aio",
    calls: words(`
      poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait
      epoll_pwait2 eventfd eventfd2 inotify_init inotify_init1 inotify_add_watch inotify_rm_watch
      io_setup io_destroy io_submit io_cancel io_getevents io_pgetevents
    `),
  },
  {
    why: "use sockets; which ones can be made is in policy-arguments.ts",
    calls: words(`
      bind listen accept accept4 connect shutdown getsockname getpeername getsockopt setsockopt
      sendto recvfrom sendmsg recvmsg sendmmsg recvmmsg
    `),
  },
  {
    why: "System V and POSIX message queues, shared memory, semaphores: private to the IPC namespace",
    calls: words(`
      shmget shmat shmdt shmctl semget semop semtimedop semctl msgget msgsnd msgrcv msgctl
      mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr
    `),
  },
  {
    why: "who am I; changing it gives nothing, for there are no capabilities and no setuid programs",
    calls: words(`
      getpid getppid getuid geteuid getgid getegid getresuid getresgid getgroups getpgid getpgrp
      getsid setpgid setsid setuid setgid setreuid setregid setresuid setresgid setfsuid setfsgid
      setgroups capget capset
    `),
  },
  {
    why: "scheduling and limits; only ever downwards without capabilities, and the cgroup has the say",
    calls: words(`
      sched_yield sched_getaffinity sched_setaffinity sched_getparam sched_setparam
      sched_getscheduler sched_setscheduler sched_get_priority_max sched_get_priority_min
      sched_rr_get_interval sched_getattr sched_setattr getpriority setpriority ioprio_get
      ioprio_set getrlimit setrlimit getrusage
    `),
  },
  {
    why: "what machine is this; random numbers",
    calls: words(`uname sysinfo getcpu getrandom`),
  },
];
