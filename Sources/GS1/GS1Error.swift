/// Why a scan is not a valid GS1 message: a stable code, the AI, the place, a sentence.
///
/// A plain value without heap storage, so refusing a scan costs no more than accepting one. Every
/// code is explained in `docs/gs1-errors.md`.
public struct GS1Error: Error, Sendable, Equatable {
  /// What is wrong; the raw value is stable and goes into records and replies.
  public internal(set) var code: Code
  /// The AI at which it is wrong, nil where no AI has been found.
  public internal(set) var ai: ApplicationIdentifier?
  /// Offset of the byte where it is wrong, from the start of the scan, identifier included.
  public internal(set) var offset: Int

  /// A second AI in play: the one excluded.
  var related: ApplicationIdentifier?
  /// A length or number that the sentence names.
  var count: Int
  /// Index of the requirement in `SyntaxTable.rules`.
  var rule: Int

  init(
    _ code: Code, _ ai: ApplicationIdentifier? = nil, at offset: Int,
    related: ApplicationIdentifier? = nil, count: Int = 0, rule: Int = 0
  ) {
    self.code = code
    self.ai = ai
    self.offset = offset
    self.related = related
    self.count = count
    self.rule = rule
  }

  /// The stable codes, one for each row of the table in `docs/gs1-errors.md`.
  public enum Code: String, Sendable, CaseIterable {
    // The scan as a whole.
    case symbologyMissing = "symbology-missing"
    case symbologyUnsupported = "symbology-unsupported"
    case messageTooLong = "message-too-long"
    case messageEmpty = "message-empty"
    case tooManyElements = "too-many-elements"
    case illegalCaret = "illegal-caret"

    // Finding the element strings.
    case unknownAI = "ai-unknown"
    case misplacedSeparator = "separator-misplaced"
    case missingSeparator = "separator-missing"
    case valueEmpty = "value-empty"
    case valueTooShort = "value-too-short"
    case valueTooLong = "value-too-long"
    case valueLength = "value-length"

    // Characters.
    case notADigit = "character-not-digit"
    case notInCharacterSet82 = "character-not-in-set-82"
    case notInCharacterSet39 = "character-not-in-set-39"
    case notInBase64 = "character-not-in-base64"
    case base64Padding = "base64-padding"

    // Check digits and company prefixes.
    case checkDigit = "check-digit"
    case tooShortForCheckDigit = "check-digit-no-room"
    case checkPair = "check-pair"
    case tooShortForCheckPair = "check-pair-no-room"
    case tooLongForCheckPair = "check-pair-too-long"
    case companyPrefix = "company-prefix"
    case tooShortForCompanyPrefix = "company-prefix-no-room"

    // Dates and times.
    case dateLength = "date-length"
    case illegalMonth = "date-month"
    case illegalDay = "date-day"
    case timeLength = "time-length"
    case illegalHour = "time-hour"
    case illegalMinute = "time-minute"
    case illegalSecond = "time-second"

    // Content of single AIs.
    case notACountry = "country-code"
    case notACountryOr999 = "country-code-or-999"
    case notCountryLetters = "country-letters"
    case notACurrency = "currency-code"
    case notASex = "sex-code"
    case notAMediaType = "media-type"
    case notAPackageType = "package-type"
    case notAWinding = "winding-direction"
    case notYesOrNo = "not-yes-or-no"
    case notHyphen = "not-hyphen"
    case notZero = "not-zero"
    case illegalZero = "zero-value"
    case zeroPrefix = "zero-prefix"
    case onlyDigits = "only-digits"
    case illegalLatitude = "latitude"
    case illegalLongitude = "longitude"
    case importerIndex = "importer-index"
    case percentSequence = "percent-sequence"
    case pieceLength = "piece-length"
    case pieceZero = "piece-zero"
    case totalZero = "piece-total-zero"
    case pieceAboveTotal = "piece-above-total"
    case sequenceForm = "sequence-form"
    case positionAboveEnd = "sequence-position-above-end"
    case ibanLength = "iban-length"
    case ibanCountry = "iban-country"
    case ibanCharacter = "iban-character"
    case ibanChecksum = "iban-checksum"
    case couponTruncated = "coupon-truncated"
    case couponField = "coupon-field"
    case couponDates = "coupon-dates"
    case couponExcess = "coupon-excess"

    // AIs beside each other.
    case excludedPair = "ai-pair-excluded"
    case requirementNotMet = "ai-requirement-not-met"
    case repeatDiffers = "ai-repeat-differs"
    case signatureWithoutSerial = "signature-key-without-serial"

    // EAN and UPC.
    case primaryTooShort = "primary-too-short"
    case primaryTooLong = "primary-too-long"
    case primaryNotDigits = "primary-not-digits"
    case primaryCheckDigit = "primary-check-digit"

    // GS1 Digital Link URIs.
    case uriCharacter = "uri-character"
    case uriDomain = "uri-domain"
    case uriPathMissing = "uri-path-missing"
    case uriKeyMissing = "uri-key-missing"
    case uriNull = "uri-null"
    case uriUnknownAI = "uri-ai-unknown"
    case uriQualifiers = "uri-qualifiers"
    case uriDuplicate = "uri-ai-duplicate"
    case uriNotAnAttribute = "uri-ai-not-attribute"
    case uriBelongsInPath = "uri-ai-belongs-in-path"

    // ISO/IEC 15434 envelopes and the German PPN; only ``Envelope`` gives these.
    case envelopeHeader = "envelope-header"
    case envelopeFormat = "envelope-format"
    case envelopeTrailer = "envelope-trailer"
    case unknownDataIdentifier = "data-identifier-unknown"
    case repeatedDataIdentifier = "data-identifier-repeated"
    case dataIdentifierValue = "data-identifier-value"
    case ppnMissing = "ppn-missing"
    case ppnForm = "ppn-form"
    case ppnCheckDigits = "ppn-check-digits"
    case pznCheckDigit = "pzn-check-digit"
  }
}
