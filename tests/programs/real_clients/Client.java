import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** java.net.http: prints what each kind of request was answered with, as JSON. It offers HTTP/2 by an upgrade. */
public class Client {
    static final HttpClient CLIENT = HttpClient.newHttpClient();

    static HttpRequest post(BodyPublisher body) {
        return HttpRequest.newBuilder(URI.create(System.getenv("URL") + "/score"))
                .header("Authorization", "Bearer " + System.getenv("TOKEN"))
                .header("Content-Type", "application/json")
                .POST(body)
                .build();
    }

    static int send(BodyPublisher body) throws Exception {
        return CLIENT.send(post(body), BodyHandlers.ofByteArray()).statusCode();
    }

    static Path file(String name) {
        return Path.of(System.getenv(name));
    }

    public static void main(String[] arguments) throws Exception {
        byte[] body = Files.readAllBytes(file("BODY"));
        List<Integer> many = new ArrayList<>();
        for (int i = 0; i < 20; i++) many.add(send(BodyPublishers.ofByteArray(body)));
        List<CompletableFuture<Integer>> started = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            started.add(CLIENT.sendAsync(post(BodyPublishers.ofByteArray(body)), BodyHandlers.ofByteArray())
                    .thenApply(answer -> answer.statusCode()));
        }
        List<Integer> together = started.stream().map(CompletableFuture::join).toList();
        int chunked = send(BodyPublishers.ofByteArrays(List.of(body)));
        int large = send(BodyPublishers.ofFile(file("LARGE")));
        int huge = send(BodyPublishers.ofFile(file("HUGE")));
        System.out.printf(
                "{\"many\": %s, \"together\": %s, \"chunked\": %d, \"large\": %d, \"huge\": %d}%n",
                many, together, chunked, large, huge);
    }
}
