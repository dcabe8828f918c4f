#include <stdio.h>

int main(void) {
    volatile int *nowhere = NULL;
    puts("about to fall");
    fflush(stdout);
    return *nowhere;
}
