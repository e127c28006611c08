extension GS1Error {
  /// What is wrong and what to look at, as a sentence for a person on shift.
  ///
  /// The text may be reworded between releases; programs go by ``code``.
  public var message: String {
    let element = ai?.spokenName ?? "the message"
    return switch code {
    case .symbologyMissing:
      "symbology identifier missing: set the scanner to send AIM identifiers such as ]d2"
    case .symbologyUnsupported:
      "symbology identifier not read here: GS1 data comes as ]d2 ]C1 ]e0 ]Q3 ]J1,"
        + " plain or Digital Link as ]d1 ]Q1 ]J0, EAN and UPC as ]E0 ]E4"
    case .messageTooLong:
      "the message has \(count) bytes, at most \(Message.byteCountMax) are read"
    case .messageEmpty: "nothing follows the symbology identifier"
    case .tooManyElements: "more than \(count) AIs in one message"
    case .illegalCaret:
      "\"^\" stands where no character set allows it; a separator must come as GS (byte 29)"
    case .unknownAI: "no AI begins here: a separator or character before it may be lost or added"
    case .misplacedSeparator:
      "a separator (GS) stands where an AI should begin: doubled, or right behind the identifier"
    case .missingSeparator:
      "separator missing after \(element): it has at most \(count) characters and the next AI"
        + " follows without GS; check that the scanner sends FNC1 as GS (byte 29)"
    case .valueEmpty: "\(element) has no value"
    case .valueTooShort: "\(element) is too short: \(count) characters are needed"
    case .valueTooLong:
      "\(element) is too long: at most \(count) characters, or a separator (GS) is missing"
    case .valueLength: "\(element) has a length that its parts do not allow"
    case .notADigit: "\(element) has a character that is not a digit"
    case .notInCharacterSet82: "\(element) has a character outside GS1 character set 82"
    case .notInCharacterSet39: "\(element) has a character outside GS1 character set 39"
    case .notInBase64: "\(element) has a character outside URI-safe base64"
    case .base64Padding: "\(element) ends in base64 padding that does not fit its length"
    default: contentMessage(element)
    }
  }

  private func contentMessage(_ element: String) -> String {
    switch code {
    case .checkDigit: "\(element) has a wrong check digit: misread or mistyped"
    case .tooShortForCheckDigit, .tooShortForCheckPair, .tooLongForCheckPair:
      "\(element) has a length with which its check characters cannot be checked"
    case .checkPair: "\(element) has a wrong pair of check characters"
    case .companyPrefix: "\(element) does not begin with the digits of a GS1 Company Prefix"
    case .tooShortForCompanyPrefix: "\(element) is too short for a GS1 Company Prefix"
    case .dateLength: "\(element) has a date of the wrong length"
    case .illegalMonth: "\(element) has a month that is not 01 to 12"
    case .illegalDay: "\(element) has a day that the month does not have"
    case .timeLength: "\(element) has a time of the wrong length"
    case .illegalHour: "\(element) has an hour above 23"
    case .illegalMinute: "\(element) has a minute above 59"
    case .illegalSecond: "\(element) has a second above 59"
    case .notACountry: "\(element) has a country code that ISO 3166 does not have"
    case .notACountryOr999: "\(element) has a country code that is neither in ISO 3166 nor 999"
    case .notCountryLetters: "\(element) has country letters that ISO 3166 does not have"
    case .notACurrency: "\(element) has a currency code that ISO 4217 does not have"
    case .notASex: "\(element) must be 0, 1, 2 or 9 (ISO 5218)"
    case .notAMediaType: "\(element) is not an AIDC media type"
    case .notAPackageType: "\(element) is not a package type code"
    case .notAWinding: "\(element) has a winding direction that is not 0, 1 or 9"
    case .notYesOrNo: "\(element) must be 0 (no) or 1 (yes)"
    case .notHyphen: "\(element) may end in a hyphen only"
    case .notZero: "\(element) must begin with zero"
    case .illegalZero: "\(element) has a part that must not be zero"
    case .zeroPrefix: "\(element) must not begin with zero"
    case .onlyDigits: "\(element) needs a character that is not a digit"
    case .illegalLatitude: "\(element) has a latitude above 1800000000"
    case .illegalLongitude: "\(element) has a longitude above 3600000000"
    case .importerIndex: "\(element) has an importer index that is not allowed"
    case .percentSequence: "\(element) has \"%\" without two hexadecimal digits behind it"
    case .pieceLength: "\(element) has piece and total of unequal length"
    case .pieceZero: "\(element) has piece number zero"
    case .totalZero: "\(element) has a total of zero pieces"
    case .pieceAboveTotal: "\(element) has a piece number above the total"
    case .sequenceForm: "\(element) is not of the form position/end"
    case .positionAboveEnd: "\(element) has a position above its end"
    case .ibanLength: "\(element) has a length that no IBAN has"
    case .ibanCountry: "\(element) does not begin with the letters of a country"
    case .ibanCharacter: "\(element) has a character that an IBAN cannot have"
    case .ibanChecksum: "\(element) has wrong IBAN check digits"
    case .couponTruncated: "\(element) ends within a field of the coupon"
    case .couponField: "\(element) has a coupon field whose length or code is not allowed"
    case .couponDates: "\(element) has a coupon date that is none, or an end before its start"
    case .couponExcess: "\(element) has characters behind the last coupon field"
    default: placeMessage(element)
    }
  }

  private func placeMessage(_ element: String) -> String {
    switch code {
    case .excludedPair:
      "\(element) must not stand beside \(related?.spokenName ?? "another AI of the message")"
    case .requirementNotMet:
      "\(element) needs \(SyntaxTable.requirementText(at: rule)) beside it"
    case .repeatDiffers: "\(element) comes twice with different values"
    case .signatureWithoutSerial: "\(element) needs its serial part beside a digital signature"
    case .primaryTooShort, .primaryTooLong: "an EAN or UPC here has \(count) digits"
    case .primaryNotDigits: "the EAN or UPC has a character that is not a digit"
    case .primaryCheckDigit: "the EAN or UPC has a wrong check digit"
    case .uriCharacter: "the URI has a character that URIs cannot have"
    case .uriDomain: "the URI's domain has a character that domains cannot have"
    case .uriPathMissing: "the URI has no domain or no path"
    case .uriKeyMissing:
      "the URI is no GS1 Digital Link: its path has no key with a value, such as /01/"
    case .uriNull: "\(element) has a percent-encoded zero byte"
    case .uriUnknownAI: "the URI's query has a number that is no AI"
    case .uriQualifiers:
      "the URI's path has AIs that do not qualify \(element), or not in this order"
    case .uriDuplicate: "\(element) stands twice in the URI"
    case .uriNotAnAttribute: "\(element) must not stand in a URI's query"
    case .uriBelongsInPath: "\(element) belongs into the URI's path, not its query"
    default: envelopeMessage
    }
  }
}

extension GS1Error {
  private var envelopeMessage: String {
    switch code {
    case .envelopeHeader: "no ISO 15434 envelope: it begins with \"[)>\", RS, format, GS"
    case .envelopeFormat: "the envelope has another format than 05 (GS1) or 06 (data identifiers)"
    case .envelopeTrailer: "the envelope does not end in RS and EOT: its tail may be lost"
    case .unknownDataIdentifier: "a data identifier here is none of 9N 1T D S 8P 16D"
    case .repeatedDataIdentifier: "a data identifier comes twice"
    case .dataIdentifierValue: "the value of a data identifier has a wrong length or character"
    case .ppnMissing: "the message has no product number (9N or 8P)"
    case .ppnForm: "the PPN (9N) is not agency code, product number and two check digits"
    case .ppnCheckDigits: "the PPN (9N) has wrong check digits: misread or mistyped"
    case .pznCheckDigit: "the PZN within the PPN (9N) has a wrong check digit"
    default: code.rawValue
    }
  }
}

extension GS1Error: CustomStringConvertible {
  /// The sentence with the code and the byte.
  public var description: String { "\(message) [\(code.rawValue), byte \(offset)]" }
}

extension ApplicationIdentifier {
  /// The AI as people at the line call it, such as "lot (10)".
  var spokenName: String {
    let name =
      switch self {
      case .sscc: "SSCC"
      case .gtin: "GTIN"
      case .lot: "lot"
      case .productionDate: "production date"
      case .expiry: "expiry"
      case .serial: "serial"
      default: title
      }
    return name.isEmpty ? "AI \(description)" : "\(name) \(description)"
  }
}

extension SyntaxTable {
  /// A requirement as text, such as "(01), (02) or (8006) with (21)".
  static func requirementText(at start: Int) -> String {
    var groups: [String] = []
    var group: [String] = []
    var index = start
    while index < rules.count {
      let rule = Rule(word: rules[index])
      group.append(rule.text)
      if rule.endsGroup {
        groups.append(group.joined(separator: " with "))
        group = []
      }
      if rule.endsRequirement || rule.endsRow { break }
      index += 1
    }
    guard let last = groups.popLast() else { return "another AI" }
    return groups.isEmpty ? last : groups.joined(separator: ", ") + " or " + last
  }
}

extension SyntaxTable.Rule {
  /// The pattern as the dictionary writes it, such as (01) or (31nn).
  var text: String {
    let digits = ApplicationIdentifier(unchecked: lowest).digits
    let free = highest == lowest ? 0 : highest - lowest == 9 ? 1 : 2
    return "(" + digits.dropLast(free) + String(repeating: "n", count: free) + ")"
  }
}
