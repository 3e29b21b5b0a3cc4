/* Prints, for many 16-bit wait statuses, what the macros of C make of them: "STATUS KIND NUMBER CORE". */
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/wait.h>

int main(void) {
  // each low byte with some high bytes
  for (int count = 0; count < 32 * 256; count++) {
    int status = (count & 0xff) | (count >> 8) * 255 / 31 << 8;
    if (WIFEXITED(status)) printf("%d exited %d 0\n", status, WEXITSTATUS(status));
    else if (WIFCONTINUED(status)) printf("%d continued 0 0\n", status);
    else if (WIFSTOPPED(status)) printf("%d stopped %d 0\n", status, WSTOPSIG(status));
    else if (WIFSIGNALED(status)) printf("%d killed %d %d\n", status, WTERMSIG(status), WCOREDUMP(status) != 0);
  }
  return 0;
}
