#include <stdio.h>

static int steps(unsigned long n) {
    int count = 0;
    for (; n != 1; count++) n = n % 2 ? 3 * n + 1 : n / 2;
    return count;
}

int main(void) {
    unsigned long best = 1;
    for (unsigned long n = 1; n < 100000; n++)
        if (steps(n) > steps(best)) best = n;
    printf("%lu takes %d steps\n", best, steps(best));
    return 0;
}
