import java.util.stream.IntStream;

public class Main {
    record Pair(int a, int b) {}

    public static void main(String[] args) {
        long pairs = IntStream.rangeClosed(1, 40).boxed()
            .flatMap(a -> IntStream.rangeClosed(a, 40).mapToObj(b -> new Pair(a, b)))
            .filter(p -> Math.sqrt(p.a() * p.a() + p.b() * p.b()) % 1 == 0)
            .count();
        System.out.println(pairs + " right triangles");
        System.exit(args.length);
    }
}
