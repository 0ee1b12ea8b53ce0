// The desk behind lines of text: what is done to it comes in, what it returns and sends goes out.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.HexFormat;
import kz.qalta.hce.ApduMailbox;

public final class MailboxOnAPipe {
    private static final HexFormat HEX = HexFormat.of();

    public static void main(String[] arguments) throws Exception {
        ApduMailbox desk = ApduMailbox.MAILBOX;
        StringBuilder sent = new StringBuilder();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] words = line.split(" ");
            sent.setLength(0);
            String returned = "";
            switch (words[0]) {
                case "apdu" -> returned = shown(desk.process(HEX.parseHex(words[1]),
                        response -> sent.append(HEX.formatHex(response))));
                case "deactivated" -> desk.deactivated();
                case "attach" -> desk.attach();
                case "detach" -> desk.detach();
                case "answer" -> desk.answer(HEX.parseHex(words[1]));
                case "take" -> {
                    ApduMailbox.Call call = desk.take(0);
                    returned = call == null ? "none" : call.apdu == null ? "end" : HEX.formatHex(call.apdu);
                }
                default -> throw new IllegalArgumentException(line);
            }
            System.out.println(returned + "|" + sent);
        }
    }

    private static String shown(byte[] response) {
        return response == null ? "later" : HEX.formatHex(response);
    }
}
