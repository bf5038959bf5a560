//! Looking into chains: `fs ls`, `cat`, `stat` and `find`.

use serde_json::{Value, json};

use crate::support::{SDDL, Sandbox, file, tar};

#[test]
fn a_directory_is_listed_as_a_container_sees_it() {
    let sandbox = Sandbox::with_layers();
    let text = sandbox.ok(["fs", "ls", "app"]);
    assert_eq!(
        text,
        "d-----  0  2023-11-14 22:13:20  app\n\
         d----l  0  2023-11-14 22:13:20  Documents and Settings -> C:\\Users\n\
         d-----  0  2023-11-14 22:13:20  Users\n\
         d-----  0  2023-11-14 22:13:20  Windows\n"
    );
    let rows = sandbox.json(["fs", "ls", "app", r"C:\WINDOWS"]);
    let names: Vec<_> = rows.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["notepad.exe", "System32", "WIN.INI"]);
    assert_eq!(
        rows[2],
        json!({
            "name": "WIN.INI", "kind": "file", "size": 6, "attributes": 0x20, "streams": 0, "layer": "app",
            "modified": "2023-11-14T22:13:20.0000005Z",
        })
    );
}

#[test]
fn a_file_may_be_listed_by_itself() {
    let sandbox = Sandbox::with_layers();
    assert_eq!(
        sandbox.ok(["fs", "ls", "app", "windows/win.ini"]),
        "-a----  6  2023-11-14 22:13:20  WIN.INI\n"
    );
}

#[test]
fn paths_may_be_written_in_any_way() {
    let sandbox = Sandbox::with_layers();
    for path in [
        "Windows/win.ini",
        r"\windows\WIN.ini",
        r"c:\Windows\win.ini",
        "Files/Windows/win.ini",
        "C:/windows/./win.ini",
    ] {
        assert_eq!(sandbox.ok(["fs", "cat", "base", path]), "[fonts]\n", "{path}");
    }
}

#[test]
fn the_nearest_layer_decides() {
    let sandbox = Sandbox::with_layers();
    assert_eq!(sandbox.ok(["fs", "cat", "app", "Windows/win.ini"]), "[app]\n");
    assert_eq!(sandbox.ok(["fs", "cat", "app", "Windows/notepad.exe"]), "MZ notepad");
    assert!(sandbox.refused(["fs", "cat", "app", "License.txt"]).contains("no such path: Files/License.txt"));
    assert_eq!(sandbox.ok(["fs", "cat", "base", "License.txt"]), "free\n");
}

#[test]
fn alternate_streams_are_read_by_name() {
    let sandbox = Sandbox::with_layers();
    for path in [r"C:\Windows\win.ini:zone.identifier", "Windows/win.ini:Zone.Identifier:$DATA"] {
        assert_eq!(sandbox.ok(["fs", "cat", "base", path]), "[ZoneTransfer]\n");
    }
    assert_eq!(sandbox.ok(["fs", "cat", "base", "Windows/win.ini::$DATA"]), "[fonts]\n");
    assert!(sandbox.refused(["fs", "cat", "base", "Windows/win.ini:none"]).contains("no stream \"none\""));
    assert_eq!(
        sandbox.json(["fs", "stat", "base", "Windows/win.ini:ZONE.Identifier"]),
        json!({ "path": "Files/Windows/win.ini", "stream": "Zone.Identifier", "size": 15, "layer": "base" })
    );
    let stderr = sandbox.refused(["fs", "stat", "base", "Windows/win.ini:none"]);
    assert!(stderr.contains("its streams are: Zone.Identifier"), "{stderr}");
}

#[test]
fn stat_tells_all_that_windows_knows() {
    let sandbox = Sandbox::with_layers();
    let facts = sandbox.json(["fs", "stat", "base", "windows/WIN.INI"]);
    let descriptor = facts["securityDescriptor"].as_str().unwrap();
    assert!(descriptor.starts_with("0100") && descriptor.len() > 40, "{descriptor}");
    let expected = json!({
        "path": "Files/Windows/win.ini",
        "kind": "file",
        "size": 8,
        "attributes": ["ARCHIVE"],
        "attributeBits": 0x20,
        "times": {
            "created": "2020-09-13T12:26:40.1234567Z",
            "modified": "2023-11-14T22:13:20.0000005Z",
            "accessed": "2023-11-14T22:13:20.0000005Z",
            "changed": "2023-11-14T22:13:20.0000005Z",
        },
        "sddl": SDDL,
        "securityDescriptor": descriptor,
        "reparse": null,
        "streams": [{ "name": "Zone.Identifier", "size": 15 }],
        "extendedAttributes": [{ "name": "TAG", "flags": 0, "value": "78" }],
        "layer": "base",
        "hardLinkTo": null,
        "mode": 0o644,
        "otherRecords": [],
    });
    assert_eq!(facts, expected);
    let text = sandbox.ok(["fs", "stat", "base", "windows/WIN.INI"]);
    assert!(text.contains(&format!("security    {SDDL}\n")), "{text}");
}

#[test]
fn stat_follows_hard_links_and_shows_where_junctions_lead() {
    let sandbox = Sandbox::with_layers();
    let link = sandbox.json(["fs", "stat", "app", "Windows/notepad.exe"]);
    assert_eq!(link["size"], 10);
    assert_eq!(link["hardLinkTo"], json!({ "path": "Files/Windows/System32/notepad.exe", "layer": "base" }));
    let junction = sandbox.json(["fs", "stat", "app", "documents and settings"]);
    assert_eq!((&junction["kind"], &junction["reparse"]["target"]), (&json!("symlink"), &json!("C:\\Users")));
    assert_eq!(junction["attributes"], json!(["DIRECTORY", "REPARSE_POINT"]));
}

#[test]
fn find_filters_by_name_and_type() {
    let sandbox = Sandbox::with_layers();
    assert_eq!(
        sandbox.ok(["fs", "find", "app", "--name", "*.EXE"]),
        "Files/app/run.exe\nFiles/Windows/notepad.exe\nFiles/Windows/System32/notepad.exe\n"
    );
    assert_eq!(sandbox.ok(["fs", "find", "app", "--type", "l"]), "Files/Documents and Settings\n");
    assert_eq!(
        sandbox.ok(["fs", "find", "app", "windows", "--type", "d"]),
        "Files/Windows\nFiles/Windows/System32\n"
    );
    assert_eq!(
        sandbox.json(["fs", "find", "app", "--name", "w?n.ini"]),
        json!([{ "path": "Files/Windows/WIN.INI", "kind": "file", "size": 6 }])
    );
    assert_eq!(sandbox.json(["fs", "find", "app", "--name", "none"]), json!([]));
    assert!(sandbox.refused(["fs", "find", "app", "no/such"]).contains("no such path"));
}

#[test]
fn names_cannot_steer_the_terminal() {
    let sandbox = Sandbox::new();
    let names = [file("Files/right\u{202e}left"), file("Files/\u{9b}2Jclear")];
    let tar = tar(&names.map(|header| (header, &b""[..])));
    let tar = sandbox.file("odd.tar", &tar);
    sandbox.ok(["layer", "import", "odd", &tar]);
    let text = sandbox.ok(["fs", "ls", "odd"]);
    assert!(text.contains("\\u{9b}2Jclear") && text.contains("right\\u{202e}left"), "{text}");
    let rows: Value = sandbox.json(["fs", "find", "odd", "--name", "*left"]);
    assert_eq!(rows[0]["path"], "Files/right\u{202e}left", "JSON has the name itself");
}
