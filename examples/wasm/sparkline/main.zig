//! Draws the numbers of the query `values=3,1,4` as a line.

const std = @import("std");

const width = 200.0;
const height = 40.0;
const most = 1000;

pub fn main(init: std.process.Init) !void {
    var buffer: [4096]u8 = undefined;
    var file: std.Io.File.Writer = .init(.stdout(), init.io, &buffer);
    const out = &file.interface;
    var values: [most]f64 = undefined;
    if (parse(init.environ_map.get("QUERY_STRING") orelse "", &values)) |given| {
        try out.writeAll("Content-Type: image/svg+xml\nCache-Control: max-age=3600\n\n");
        try draw(out, given);
    } else |problem| {
        try out.print("Status: 400\nContent-Type: text/plain\n\n{s}\n", .{explain(problem)});
    }
    try out.flush();
}

const Problem = error{ Missing, NotANumber, TooMany };

fn explain(problem: Problem) []const u8 {
    return switch (problem) {
        error.Missing => "values: needs at least two numbers, as in ?values=3,1,4",
        error.NotANumber => "values: needs numbers with commas between them",
        error.TooMany => "values: takes at most 1000 numbers",
    };
}

fn parse(query: []const u8, values: []f64) Problem![]f64 {
    var count: usize = 0;
    var pairs = std.mem.splitScalar(u8, query, '&');
    while (pairs.next()) |pair| {
        if (!std.mem.startsWith(u8, pair, "values=")) continue;
        var numbers = std.mem.splitScalar(u8, pair["values=".len..], ',');
        while (numbers.next()) |number| {
            if (count == values.len) return error.TooMany;
            const value = std.fmt.parseFloat(f64, number) catch return error.NotANumber;
            if (!std.math.isFinite(value)) return error.NotANumber;
            values[count] = value;
            count += 1;
        }
    }
    if (count < 2) return error.Missing;
    return values[0..count];
}

fn draw(out: *std.Io.Writer, values: []const f64) !void {
    const low, const high = std.mem.minMax(f64, values);
    const range = if (high > low) high - low else 1.0;
    const step = width / @as(f64, @floatFromInt(values.len - 1));
    try out.print(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{d}\" height=\"{d}\">",
        .{ width, height },
    );
    try out.writeAll("<polyline fill=\"none\" stroke=\"steelblue\" stroke-width=\"2\" points=\"");
    for (values, 0..) |value, index| {
        const x = step * @as(f64, @floatFromInt(index));
        const y = height - 2 - (value - low) / range * (height - 4);
        try out.print("{d:.1},{d:.1} ", .{ x, y });
    }
    try out.writeAll("\"/></svg>\n");
}
