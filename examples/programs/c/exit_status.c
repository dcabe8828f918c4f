#include <stdio.h>

int main(int argc, char **argv) {
    for (int i = argc - 1; i > 0; i--) fprintf(i % 2 ? stdout : stderr, "%s\n", argv[i]);
    return argc;
}
