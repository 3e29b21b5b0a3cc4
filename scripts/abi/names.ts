/**
 * What the ABI tables hold, by name only: the numbers come from the C compiler (see `measure.ts`). To add a constant or a
 * struct member, add its name here and run `npx bun scripts/generate-abi.ts`.
 */

/** Headers that declare the names below. */
export const HEADERS: readonly string[] = [
  "errno.h",
  "fcntl.h",
  "limits.h",
  "mqueue.h",
  "poll.h",
  "pthread.h",
  "semaphore.h",
  "signal.h",
  "spawn.h",
  "sys/epoll.h",
  "sys/eventfd.h",
  "sys/inotify.h",
  "sys/ioctl.h",
  "sys/ipc.h",
  "sys/mman.h",
  "sys/msg.h",
  "sys/resource.h",
  "sys/sem.h",
  "sys/shm.h",
  "sys/signalfd.h",
  "sys/socket.h",
  "sys/stat.h",
  "sys/syscall.h",
  "sys/uio.h",
  "sys/un.h",
  "sys/wait.h",
  "time.h",
  "unistd.h",
  "linux/falloc.h",
  "linux/futex.h",
  "linux/membarrier.h",
];

/** Constants by the manual page that explains them. */
export const CONSTANTS: Readonly<Record<string, string>> = {
  "open(2)": `O_RDONLY O_WRONLY O_RDWR O_ACCMODE O_CREAT O_EXCL O_NOCTTY O_TRUNC O_APPEND O_NONBLOCK O_DSYNC O_SYNC O_DIRECT
    O_DIRECTORY O_NOFOLLOW O_NOATIME O_CLOEXEC O_PATH O_TMPFILE AT_FDCWD AT_SYMLINK_FOLLOW`,
  "rename(2)": "RENAME_NOREPLACE RENAME_EXCHANGE",
  "fcntl(2)": `F_DUPFD_CLOEXEC F_GETFD F_SETFD FD_CLOEXEC F_GETFL F_SETFL F_OFD_GETLK F_OFD_SETLK F_OFD_SETLKW F_SETSIG F_SETLEASE F_RDLCK F_WRLCK
    F_UNLCK F_SETPIPE_SZ F_GETPIPE_SZ F_ADD_SEALS F_GET_SEALS F_SEAL_SEAL F_SEAL_SHRINK F_SEAL_GROW F_SEAL_WRITE
    F_SEAL_FUTURE_WRITE`,
  "flock(2)": "LOCK_SH LOCK_EX LOCK_NB LOCK_UN",
  "ioctl(2)": "FIONREAD",
  "lseek(2)": "SEEK_SET SEEK_CUR SEEK_END",
  "fallocate(2)":
    "FALLOC_FL_KEEP_SIZE FALLOC_FL_PUNCH_HOLE FALLOC_FL_ZERO_RANGE FALLOC_FL_COLLAPSE_RANGE FALLOC_FL_INSERT_RANGE",
  "inode(7)": "S_IFMT S_IFSOCK S_IFLNK S_IFREG S_IFBLK S_IFDIR S_IFCHR S_IFIFO",
  "mmap(2)": `PROT_NONE PROT_READ PROT_WRITE PROT_EXEC MAP_SHARED MAP_SHARED_VALIDATE MAP_PRIVATE MAP_FIXED MAP_FIXED_NOREPLACE
    MAP_ANONYMOUS MAP_NORESERVE MAP_POPULATE MAP_LOCKED MAP_HUGETLB`,
  "msync(2)": "MS_ASYNC MS_SYNC MS_INVALIDATE",
  "madvise(2)": `MADV_NORMAL MADV_RANDOM MADV_SEQUENTIAL MADV_WILLNEED MADV_DONTNEED MADV_REMOVE MADV_DONTFORK MADV_HUGEPAGE
    MADV_NOHUGEPAGE MADV_POPULATE_READ MADV_POPULATE_WRITE`,
  "memfd_create(2)": "MFD_CLOEXEC MFD_ALLOW_SEALING MFD_HUGETLB",
  "poll(2)": "POLLIN POLLPRI POLLOUT POLLRDHUP POLLERR POLLHUP POLLNVAL",
  "epoll_ctl(2)": `EPOLL_CTL_ADD EPOLL_CTL_MOD EPOLL_CTL_DEL EPOLLIN EPOLLOUT EPOLLPRI EPOLLRDHUP EPOLLERR EPOLLHUP EPOLLET
    EPOLLONESHOT EPOLLEXCLUSIVE`,
  "epoll_create1(2)": "EPOLL_CLOEXEC",
  "eventfd(2)": "EFD_CLOEXEC EFD_NONBLOCK EFD_SEMAPHORE",
  "inotify(7)": `IN_CLOEXEC IN_NONBLOCK IN_ACCESS IN_ATTRIB IN_CLOSE_WRITE IN_CLOSE_NOWRITE IN_CLOSE IN_CREATE IN_DELETE
    IN_DELETE_SELF IN_MODIFY IN_MOVE_SELF IN_MOVED_FROM IN_MOVED_TO IN_MOVE IN_OPEN IN_ALL_EVENTS IN_DONT_FOLLOW
    IN_EXCL_UNLINK IN_MASK_ADD IN_MASK_CREATE IN_ONESHOT IN_ONLYDIR IN_IGNORED IN_ISDIR IN_Q_OVERFLOW IN_UNMOUNT`,
  "sysvipc(7)": "IPC_PRIVATE IPC_CREAT IPC_EXCL IPC_NOWAIT IPC_RMID IPC_SET IPC_STAT IPC_INFO",
  "msgop(2)": "MSG_NOERROR MSG_EXCEPT MSG_COPY MSG_STAT MSG_STAT_ANY MSG_INFO",
  "shmop(2)": "SHM_RDONLY SHM_REMAP SHM_RND SHM_EXEC SHM_STAT SHM_INFO SHM_LOCK SHM_UNLOCK",
  "shmget(2)": "SHM_HUGETLB SHM_NORESERVE SHM_STAT_ANY SHM_DEST SHM_LOCKED",
  "semop(2)": "SEM_UNDO GETPID GETVAL GETALL GETNCNT GETZCNT SETVAL SETALL SEM_STAT SEM_STAT_ANY SEM_INFO",
  "sem_overview(7)": "SEM_VALUE_MAX",
  "pthread_mutexattr_init(3)": `PTHREAD_PROCESS_PRIVATE PTHREAD_PROCESS_SHARED PTHREAD_MUTEX_NORMAL PTHREAD_MUTEX_ERRORCHECK
    PTHREAD_MUTEX_RECURSIVE PTHREAD_MUTEX_STALLED PTHREAD_MUTEX_ROBUST`,
  "unix(7)":
    "AF_UNIX SOL_SOCKET SO_ERROR SO_PASSCRED SO_PEERCRED SO_RCVBUF SO_SNDBUF SO_TYPE SCM_RIGHTS SCM_CREDENTIALS",
  "socket(2)": "SOCK_STREAM SOCK_DGRAM SOCK_SEQPACKET SOCK_CLOEXEC SOCK_NONBLOCK SOMAXCONN SHUT_RD SHUT_WR SHUT_RDWR",
  "recvmsg(2)": `MSG_CMSG_CLOEXEC MSG_CTRUNC MSG_DONTWAIT MSG_EOR MSG_NOSIGNAL MSG_OOB MSG_PEEK MSG_TRUNC
    MSG_WAITALL`,
  "splice(2)": "SPLICE_F_MOVE SPLICE_F_NONBLOCK SPLICE_F_MORE SPLICE_F_GIFT",
  "getrlimit(2)": `RLIMIT_AS RLIMIT_CORE RLIMIT_CPU RLIMIT_DATA RLIMIT_FSIZE RLIMIT_MEMLOCK RLIMIT_MSGQUEUE RLIMIT_NICE RLIMIT_NOFILE
    RLIMIT_NPROC RLIMIT_RSS RLIMIT_RTPRIO RLIMIT_RTTIME RLIMIT_SIGPENDING RLIMIT_STACK RLIM_INFINITY`,
  "posix_spawn(3)": "POSIX_SPAWN_SETPGROUP POSIX_SPAWN_SETSIGDEF POSIX_SPAWN_SETSIGMASK POSIX_SPAWN_SETSID",
  "waitpid(2)": "WNOHANG WUNTRACED WCONTINUED",
  "signalfd(2)": "SFD_CLOEXEC SFD_NONBLOCK SI_USER SI_QUEUE SI_KERNEL SI_MESGQ SI_TIMER SI_TKILL",
  "futex(2)":
    "FUTEX_WAIT FUTEX_WAKE FUTEX_REQUEUE FUTEX_CMP_REQUEUE FUTEX_WAIT_BITSET FUTEX_WAKE_BITSET FUTEX_BITSET_MATCH_ANY FUTEX_PRIVATE_FLAG FUTEX_CLOCK_REALTIME FUTEX_WAITERS FUTEX_OWNER_DIED FUTEX_TID_MASK",
  "signal(7)": `SIGHUP SIGINT SIGQUIT SIGILL SIGTRAP SIGABRT SIGBUS SIGFPE SIGKILL SIGUSR1 SIGSEGV SIGUSR2 SIGPIPE SIGALRM SIGTERM
    SIGSTKFLT SIGCHLD SIGCONT SIGSTOP SIGTSTP SIGTTIN SIGTTOU SIGURG SIGXCPU SIGXFSZ SIGVTALRM SIGPROF SIGWINCH SIGIO SIGPWR
    SIGSYS`,
  "sigaction(2)": `SIG_DFL SIG_IGN SA_NOCLDSTOP SA_NOCLDWAIT SA_SIGINFO SA_ONSTACK SA_RESTART SA_NODEFER SA_RESETHAND SIG_BLOCK
    SIG_UNBLOCK SIG_SETMASK`,
  "sigevent(3type)": "SIGEV_NONE SIGEV_SIGNAL SIGEV_THREAD_ID",
  "syscall(2)":
    "SYS_fstat SYS_futex SYS_get_robust_list SYS_gettid SYS_tgkill SYS_pidfd_open SYS_pidfd_send_signal SYS_rt_tgsigqueueinfo SYS_membarrier SYS_memfd_create",
  "membarrier(2)": "MEMBARRIER_CMD_PRIVATE_EXPEDITED MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED",
  "sysconf(3)": "_SC_PAGESIZE _SC_NPROCESSORS_ONLN _SC_OPEN_MAX _SC_CLK_TCK",
  "clock_gettime(2)": "CLOCK_REALTIME CLOCK_MONOTONIC",
  "limits.h(0p)": "PIPE_BUF PATH_MAX NAME_MAX IOV_MAX",
};

/** Structs: the C type, and the members that somebody reads or writes. `msg_perm.uid` becomes `msg_perm_uid`. */
export const STRUCTS: Readonly<Record<string, { type: string; members: string }>> = {
  stat: {
    type: "struct stat",
    members:
      "st_dev st_ino st_mode st_nlink st_uid st_gid st_size st_blksize st_blocks st_atim.tv_sec st_mtim.tv_sec st_ctim.tv_sec",
  },
  flock: { type: "struct flock", members: "l_type l_whence l_start l_len l_pid" },
  timespec: { type: "struct timespec", members: "tv_sec tv_nsec" },
  iovec: { type: "struct iovec", members: "iov_base iov_len" },
  pollfd: { type: "struct pollfd", members: "fd events revents" },
  epoll_event: { type: "struct epoll_event", members: "events data.u64 data.fd" },
  inotify_event: { type: "struct inotify_event", members: "wd mask cookie len" },
  sigaction: { type: "struct sigaction", members: "sa_handler sa_mask sa_flags" },
  sigevent: { type: "struct sigevent", members: "sigev_value.sival_int sigev_signo sigev_notify _sigev_un._tid" },
  itimerspec: {
    type: "struct itimerspec",
    members: "it_interval.tv_sec it_interval.tv_nsec it_value.tv_sec it_value.tv_nsec",
  },
  sigset: { type: "sigset_t", members: "" },
  robust_list_head: { type: "struct robust_list_head", members: "futex_offset list_op_pending" },
  msqid_ds: {
    type: "struct msqid_ds",
    members: `msg_perm.__key msg_perm.uid msg_perm.gid msg_perm.cuid msg_perm.cgid msg_perm.mode msg_stime msg_rtime msg_ctime msg_cbytes
      msg_qnum msg_qbytes msg_lspid msg_lrpid`,
  },
  msgbuf: { type: "struct msgbuf", members: "mtype mtext" },
  msginfo: { type: "struct msginfo", members: "msgmap msgpool msgtql msgmax msgmnb msgmni" },
  shmid_ds: {
    type: "struct shmid_ds",
    members: `shm_perm.__key shm_perm.uid shm_perm.gid shm_perm.cuid shm_perm.cgid shm_perm.mode shm_segsz shm_atime shm_dtime
      shm_ctime shm_cpid shm_lpid shm_nattch`,
  },
  // as SHM_INFO is a constant
  shm_usage: { type: "struct shm_info", members: "used_ids shm_tot shm_rss shm_swp" },
  shminfo: { type: "struct shminfo", members: "shmmax shmmin shmmni shmseg shmall" },
  semid_ds: {
    type: "struct semid_ds",
    members: `sem_perm.__key sem_perm.uid sem_perm.gid sem_perm.cuid sem_perm.cgid sem_perm.mode sem_otime sem_ctime
      sem_nsems`,
  },
  sembuf: { type: "struct sembuf", members: "sem_num sem_op sem_flg" },
  seminfo: { type: "struct seminfo", members: "semmni semmns semmsl semopm semusz semaem semvmx" },
  sem_t: { type: "sem_t", members: "" },
  mq_attr: { type: "struct mq_attr", members: "mq_flags mq_maxmsg mq_msgsize mq_curmsgs" },
  pthread_mutex: { type: "pthread_mutex_t", members: "__data.__lock __data.__owner __data.__kind" },
  pthread_mutexattr: { type: "pthread_mutexattr_t", members: "" },
  pthread_cond: { type: "pthread_cond_t", members: "" },
  pthread_condattr: { type: "pthread_condattr_t", members: "" },
  pthread_rwlock: { type: "pthread_rwlock_t", members: "__data.__cur_writer __data.__shared" },
  pthread_rwlockattr: { type: "pthread_rwlockattr_t", members: "" },
  sockaddr_un: { type: "struct sockaddr_un", members: "sun_family sun_path" },
  msghdr: {
    type: "struct msghdr",
    members: "msg_name msg_namelen msg_iov msg_iovlen msg_control msg_controllen msg_flags",
  },
  cmsghdr: { type: "struct cmsghdr", members: "cmsg_len cmsg_level cmsg_type" },
  ucred: { type: "struct ucred", members: "pid uid gid" },
  rlimit: { type: "struct rlimit", members: "rlim_cur rlim_max" },
  posix_spawn_file_actions: { type: "posix_spawn_file_actions_t", members: "" },
  posix_spawnattr: { type: "posix_spawnattr_t", members: "" },
  siginfo: { type: "siginfo_t", members: "si_signo si_errno si_code si_pid si_uid si_value.sival_int" },
  signalfd_siginfo: {
    type: "struct signalfd_siginfo",
    members: "ssi_signo ssi_errno ssi_code ssi_pid ssi_uid ssi_int",
  },
};
