#include <iostream>
#include <stdexcept>

int main() {
    std::cout << "before the throw" << std::endl;
    throw std::runtime_error("nobody catches this");
}
