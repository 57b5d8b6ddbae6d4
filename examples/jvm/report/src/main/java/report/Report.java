package report;

import io.fission.Context;
import io.fission.Function;
import java.io.IOException;
import java.io.StringReader;
import java.math.BigDecimal;
import java.util.Map;
import java.util.TreeMap;
import org.apache.commons.csv.CSVFormat;
import org.apache.commons.csv.CSVRecord;
import org.springframework.http.HttpMethod;
import org.springframework.http.RequestEntity;
import org.springframework.http.ResponseEntity;

/** Takes sales as CSV with the columns product and price, answers the sum of each product. */
public class Report implements Function<RequestEntity<?>, ResponseEntity<?>> {
    private static final CSVFormat FORMAT =
            CSVFormat.RFC4180.builder().setHeader().setSkipHeaderRecord(true).build();

    /** The answer: a record is sent as JSON. */
    record Totals(long sales, Map<String, BigDecimal> byProduct) {}

    @Override
    public ResponseEntity<?> call(RequestEntity<?> request, Context context) throws IOException {
        if (!HttpMethod.POST.equals(request.getMethod())
                || !(request.getBody() instanceof String text)) {
            return ResponseEntity.badRequest().body("POST sales as text/csv: product,price\n");
        }
        Map<String, BigDecimal> totals = new TreeMap<>();
        long sales = 0;
        for (CSVRecord sale : FORMAT.parse(new StringReader(text))) {
            totals.merge(sale.get("product"), new BigDecimal(sale.get("price")), BigDecimal::add);
            sales++;
        }
        return ResponseEntity.ok(new Totals(sales, totals));
    }
}
