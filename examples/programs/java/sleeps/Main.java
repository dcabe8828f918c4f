public class Main {
    public static void main(String[] args) throws Exception {
        System.out.println("asleep");
        Thread.sleep(60_000);
    }
}
