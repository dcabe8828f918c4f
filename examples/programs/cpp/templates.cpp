#include <iostream>

template <unsigned N>
struct Fibonacci {
    static constexpr unsigned long value = Fibonacci<N - 1>::value + Fibonacci<N - 2>::value;
};
template <>
struct Fibonacci<1> {
    static constexpr unsigned long value = 1;
};
template <>
struct Fibonacci<0> {
    static constexpr unsigned long value = 0;
};

int main() {
    static_assert(Fibonacci<10>::value == 55);
    std::cout << Fibonacci<80>::value << "\n";
}
